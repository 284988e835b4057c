package apptest_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium with a profile of its own.
type browser struct {
	t           *testing.T
	ctx         context.Context
	screenshots string
}

// startBrowser gives nil where no browser is installed; CI does not put up with that.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Chromium")
		}
		t.Log("not proven here: there is no Chromium")
		return nil
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(900, 700),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	screenshots := os.Getenv("ADMIT_TEST_SCREENSHOTS") // where a person wants to look at them
	if screenshots == "" {
		screenshots = t.TempDir()
	}
	b := &browser{t: t, ctx: ctx, screenshots: screenshots}
	b.do(chromedp.EmulateViewport(900, 700))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.shoot("failure")
		b.t.Fatalf("%v\n%s", err, b.text())
	}
}

func (b *browser) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

// fill types into a field found by its label, as a person finds it.
func (b *browser) fill(label, value string) {
	b.t.Helper()
	id, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](
		quote(`[...document.querySelectorAll("label")].find(l => l.textContent.trim().startsWith(%q))?.htmlFor ?? ""`, label)))
	if err != nil || id == "" {
		b.t.Fatalf("no field labelled %q: %v\n%s", label, err, b.text())
	}
	field := quote(`//*[@id=%q]`, id) // "#id" would find links to it as well
	b.do(chromedp.Clear(field), chromedp.SendKeys(field, value))
}

// press presses the button with this name and waits for the page it leads to.
func (b *browser) press(name string) {
	b.t.Helper()
	b.do(chromedp.Click(`//button[contains(normalize-space(.), "` + name + `")]`))
	b.do(chromedp.WaitReady("body"))
}

func (b *browser) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// wants waits until the page says something.
func (b *browser) wants(text string) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(strings.ToLower(b.text()), strings.ToLower(text)) {
		if time.Now().After(deadline) {
			b.shoot("failure")
			b.t.Fatalf("the page does not say %q:\n%s", text, b.text())
		}
	}
}

// enter types into the field that the page puts first, as soon as it has done so, and sends it.
func (b *browser) enter(text string) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.activeElement?.tagName ?? ""`)); err == nil && at == "INPUT" {
			break // a page that is being left has an error
		}
		require.True(b.t, time.Now().Before(deadline), "no field of the page has the focus")
	}
	b.do(chromedp.KeyEvent(text + "\r"))
}

func (b *browser) shoot(name string) {
	image, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.screenshots, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png"), image, 0o600)
	}
	if err != nil {
		b.t.Logf("no screenshot %s: %v", name, err)
	}
}

// wantAccessible holds each page to what a screen reader and a keyboard need, and to axe's rules, on a
// narrow screen as well.
func (b *browser) wantAccessible() {
	b.t.Helper()
	for _, width := range []int64{320, 900} {
		b.do(chromedp.EmulateViewport(width, 700))
		b.wantNoFaults(width)
	}
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](axe(b.t)+"; true")(ctx, t)
		return chromedp.Void{}, err
	})
	violations, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then(r =>
		r.violations.map(v => v.id + ": " + v.help + "\n" + v.nodes.map(n => n.html).join("\n")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, violation := range violations {
		b.t.Errorf("axe: %s", violation)
	}
}

// axe is the source of axe-core. It comes in beside the page's own scripts, so the page's policy stays
// as it is.
func axe(t *testing.T) string {
	t.Helper()
	findNode(t)
	source, err := os.ReadFile(filepath.Join(clients, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func (b *browser) wantNoFaults(width int64) {
	b.t.Helper()
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(() => {
		const faults = [];
		if (!document.documentElement.lang) faults.push("the page has no language");
		if (!document.title.trim()) faults.push("the page has no title");
		if (document.querySelectorAll("h1").length !== 1) faults.push("the page has not one h1");
		if (!document.querySelector("main")) faults.push("the page has no main");
		if (!document.querySelector("meta[name=viewport]")) faults.push("the page has no viewport");
		for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
			if (!e.labels?.length && !e.getAttribute("aria-label")) faults.push("no label: " + e.outerHTML);
			if (e.type === "password" && !e.autocomplete) faults.push("no autocomplete: " + e.outerHTML);
		}
		for (const e of document.querySelectorAll("button, a[href]"))
			if (!e.textContent.trim() && !e.getAttribute("aria-label")) faults.push("no name: " + e.outerHTML);
		for (const e of document.querySelectorAll("script:not([src])")) faults.push("a script in the page: " + e.outerHTML);
		if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push("the page scrolls sideways");
		return faults;
	})()`))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, fault := range faults {
		b.t.Errorf("%d px: %s\n%s", width, fault, b.text())
	}
}

// get opens a link as a mail scanner does.
func get(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET of the link: %d", response.StatusCode)
	}
}
