package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	ttl        = 15 * time.Second
	renewEvery = 5 * time.Second
	retryEvery = 500 * time.Millisecond
)

// A registrar keeps this service known to the control plane, which may come and go.
type registrar struct {
	url        string
	address    string
	client     http.Client
	registered atomic.Bool
}

func newRegistrar(controlPlane, address string) *registrar {
	return &registrar{
		url:     controlPlane + "/v1/services/indexer",
		address: address,
		client:  http.Client{Timeout: 2 * time.Second},
	}
}

// run registers, and renews until ctx ends; then it takes its leave.
func (r *registrar) run(ctx context.Context) {
	for {
		err := r.send(ctx, http.MethodPut)
		if ctx.Err() != nil {
			break
		}
		if ok := err == nil; r.registered.Swap(ok) != ok {
			log.Printf("registered with the control plane: %t (%v)", ok, err)
		}
		pause := renewEvery
		if err != nil {
			pause = retryEvery
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	if r.registered.Load() {
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.send(last, http.MethodDelete); err != nil {
			log.Printf("deregister: %v", err)
		}
	}
}

func (r *registrar) send(ctx context.Context, method string) error {
	body, err := json.Marshal(map[string]any{"address": r.address, "ttl_seconds": int(ttl.Seconds())})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("control plane: %s", response.Status)
	}
	return nil
}
