package main

import (
	"errors"
	"testing"
	"time"
)

func TestRegistrationExpires(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRegistry(func() time.Time { return now })
	if _, err := r.put("indexer", "indexer:9002", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	now = now.Add(4 * time.Second)
	if _, ok := r.get("indexer"); !ok {
		t.Error("gone before its time")
	}
	now = now.Add(2 * time.Second)
	if _, ok := r.get("indexer"); ok || len(r.list()) != 0 {
		t.Error("still there after its time")
	}
}

func TestInvalidRegistrations(t *testing.T) {
	r := newRegistry(time.Now)
	for _, c := range []struct {
		name, address string
		ttl           time.Duration
	}{
		{"", "a:1", 0},
		{"Upper", "a:1", 0},
		{"-dash", "a:1", 0},
		{"ok", "no-port", 0},
		{"ok", "a:1", -time.Second},
		{"ok", "a:1", 2 * time.Hour},
	} {
		if _, err := r.put(c.name, c.address, c.ttl); !errors.Is(err, errInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
