package apptest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is the real command in a process of its own, so that it can be killed.
type process struct {
	URL string // ends with a slash

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	mu   sync.Mutex
	logs []string
}

// buildDir is where this run of the tests keeps the command it built.
func buildDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("admit-test-%d", os.Getpid()))
}

var buildOnce = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir(), "admit")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/admitdev/admit/cmd/admit").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// freeAddress finds a port for a server whose own address must be known before it starts.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// startProcess runs `admit serve` with these settings and waits until it answers.
func startProcess(t *testing.T, address string, settings ...string) *process {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{URL: "http://" + address + "/", done: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve")
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.cmd.Dir,
		"ADMIT_LISTEN=" + address, "ADMIT_BASE_URL=" + p.URL,
		"ADMIT_SUPERADMIN_EMAIL=" + superAdminEmail, "ADMIT_SUPERADMIN_PASSWORD=" + superAdminPassword,
		"ADMIT_REGISTRATION=open", "ADMIT_LOGIN_RATE_LIMIT=-1", "ADMIT_AUTH_RATE_LIMIT=-1", "ADMIT_CLIENT_RATE_LIMIT=-1", "ADMIT_RATE_LIMIT=-1", "ADMIT_FHIR_QUOTA=-1", "ADMIT_PROJECT_MAIL_LIMIT=-1",
		"ADMIT_LOG_FORMAT=json",
	}, settings...)
	output, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout = p.cmd.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.keepLogs(bufio.NewScanner(output))
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the last of its log:\n%s", strings.Join(p.lastLogs(30), "\n"))
		}
	})
	p.waitUntilReady(t)
	return p
}

func (p *process) keepLogs(lines *bufio.Scanner) {
	for lines.Scan() {
		p.mu.Lock()
		p.logs = append(p.logs, lines.Text())
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // how it ended is for the test to judge; killed is the usual way
	close(p.done)
}

func (p *process) lastLogs(n int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.logs[max(0, len(p.logs)-n):]...)
}

func (p *process) waitUntilReady(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("admit serve does not answer:\n%s", strings.Join(p.lastLogs(30), "\n"))
		case <-p.done:
			t.Fatalf("admit serve ended:\n%s", strings.Join(p.lastLogs(30), "\n"))
		case <-time.After(5 * time.Millisecond): // polling another process; it has no signal to wait on
		}
	}
}

// Kill ends the process as a power cut does and waits until it is gone.
func (p *process) Kill() {
	_ = p.cmd.Process.Kill() // already gone is as good
	<-p.done
}
