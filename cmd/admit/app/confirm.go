package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// confirm asks somebody at a terminal. Whatever is not yes is an error, which says that nothing was done.
func confirm(in io.Reader, out io.Writer, question, nothing string) error {
	if file, ok := in.(*os.File); ok && !isatty.IsTerminal(file.Fd()) {
		return errors.New(nothing + ": --yes does it without asking, --dry-run only looks")
	}
	fmt.Fprint(out, question+" Only yes is taken for it: ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New(nothing)
	}
	return nil
}
