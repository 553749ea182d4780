package main

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"sort"
	"sync"
	"time"
)

const (
	defaultTTL = 30 * time.Second
	maxTTL     = time.Hour
)

var (
	errInvalid = errors.New("invalid registration")
	validName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// An instance is one registered service; it is gone when Expires has passed.
type instance struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Expires time.Time `json:"expires"`
}

// A registry is safe for use by several goroutines. Its clock is given, for tests.
type registry struct {
	now       func() time.Time
	mutex     sync.Mutex
	instances map[string]instance
}

func newRegistry(now func() time.Time) *registry {
	return &registry{now: now, instances: make(map[string]instance)}
}

// put registers name or renews it. A ttl of 0 is the default; errInvalid says what is wrong.
func (r *registry) put(name, address string, ttl time.Duration) (instance, error) {
	if !validName.MatchString(name) {
		return instance{}, fmt.Errorf("%w: name %q", errInvalid, name)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return instance{}, fmt.Errorf("%w: address %q is not host:port", errInvalid, address)
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	if ttl < 0 || ttl > maxTTL {
		return instance{}, fmt.Errorf("%w: ttl %s", errInvalid, ttl)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	entry := instance{Name: name, Address: address, Expires: r.now().Add(ttl).UTC()}
	r.instances[name] = entry
	return entry, nil
}

func (r *registry) get(name string) (instance, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.expire()
	entry, ok := r.instances[name]
	return entry, ok
}

func (r *registry) remove(name string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.instances, name)
}

// list returns what is alive, sorted by name.
func (r *registry) list() []instance {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.expire()
	entries := make([]instance, 0, len(r.instances))
	for _, entry := range r.instances {
		entries = append(entries, entry)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	return entries
}

// expire forgets what was not renewed; the caller holds the mutex.
func (r *registry) expire() {
	for name, entry := range r.instances {
		if r.now().After(entry.Expires) {
			delete(r.instances, name)
		}
	}
}
