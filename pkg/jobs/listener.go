package jobs

import (
	"context"
	"database/sql"
	"sync"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
)

// driver is River's, with notifications that stay within the process.
type driver struct {
	riverdriver.Driver[*sql.Tx]
	listener *listener
}

// SupportsListener has River wait for notifications besides polling.
func (d driver) SupportsListener() bool { return true }

// SupportsListenNotify keeps River from sending its own through the database.
func (d driver) SupportsListenNotify() bool { return false }

// GetListener implements riverdriver.Driver.
func (d driver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener { return d.listener }

// insertTopic is what River listens to for new jobs.
const insertTopic = "river_insert"

// listener tells River's producers of jobs that this process has committed.
type listener struct {
	mu        sync.Mutex
	listening bool
	short     chan struct{}
	long      chan struct{}
}

func newListener() *listener {
	return &listener{short: make(chan struct{}, 1), long: make(chan struct{}, 1)}
}

// inserted wakes the producer of a queue; jobs that come while it is awake are fetched together.
func (l *listener) inserted(queue string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.listening {
		return
	}
	signal := l.short
	if queue == longQueue {
		signal = l.long
	}
	select {
	case signal <- struct{}{}:
	default:
	}
}

// WaitForNotification implements riverdriver.Listener.
func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-l.short:
		return insertedInto(river.QueueDefault), nil
	case <-l.long:
		return insertedInto(longQueue), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func insertedInto(queue string) *riverdriver.Notification {
	return &riverdriver.Notification{Topic: insertTopic, Payload: `{"queue":"` + queue + `"}`}
}

// Listen implements riverdriver.Listener.
func (l *listener) Listen(_ context.Context, topic string) error { l.set(topic, true); return nil }

// Unlisten implements riverdriver.Listener.
func (l *listener) Unlisten(_ context.Context, topic string) error { l.set(topic, false); return nil }

func (l *listener) set(topic string, listening bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if topic == insertTopic {
		l.listening = listening
	}
}

// Connect, Close, Ping, Schema and SetAfterConnectExec implement riverdriver.Listener: there is
// no connection.
func (l *listener) Connect(context.Context) error { return nil }

// Close implements riverdriver.Listener.
func (l *listener) Close(context.Context) error { return nil }

// Ping implements riverdriver.Listener.
func (l *listener) Ping(context.Context) error { return nil }

// Schema implements riverdriver.Listener.
func (l *listener) Schema() string { return "" }

// SetAfterConnectExec implements riverdriver.Listener.
func (l *listener) SetAfterConnectExec(string) {}
