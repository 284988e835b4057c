package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"testing"

	"github.com/admitdev/admit/pkg/admittest"
	"github.com/admitdev/admit/pkg/client"
)

// A backend makes a user, learns what is wrong with a second, and keeps the first out.
func Example() {
	run := &exampleRun{}
	defer run.end()
	server := admittest.Start(run, admittest.Project("testdata/project.yaml"), admittest.Variables("BACKEND_SECRET=0123456789abcdef0123456789abcdef"))

	ctx := context.Background()
	admit := client.New(server.URL, server.ProjectID("Clinic"), client.Credentials(server.Credentials("backend")))
	bob := client.UserDraft{ProfileType: "Patient", UserFields: client.UserFields{Login: client.Text("bob")}}
	made, err := admit.Users().Create(ctx, bob)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.Login, made.Status)

	_, err = admit.Users().Create(ctx, bob)
	if refused := (*client.Error)(nil); errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Field())
	}

	blocked, err := admit.Users().Block(ctx, made.ID)
	fmt.Println(blocked.Status, err)
	// Output:
	// bob active
	// 400 login
	// blocked <nil>
}

// exampleRun stands for the test that an example is none of.
type exampleRun struct {
	testing.TB
	cleanups []func()
}

func (r *exampleRun) Helper()                       {}
func (r *exampleRun) Failed() bool                  { return false }
func (r *exampleRun) Context() context.Context      { return context.Background() }
func (r *exampleRun) Cleanup(do func())             { r.cleanups = append(r.cleanups, do) }
func (r *exampleRun) Error(args ...any)             { log.Fatal(args...) }
func (r *exampleRun) Fatalf(text string, of ...any) { log.Fatalf(text, of...) }

func (r *exampleRun) TempDir() string {
	dir, err := os.MkdirTemp("", "admit")
	if err != nil {
		log.Fatal(err)
	}
	r.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// end does what waits, the last first.
func (r *exampleRun) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}
