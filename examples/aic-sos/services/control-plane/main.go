// Command control-plane keeps the registry of the services of a cluster: a service registers under its
// name with an address and a time to live, renews before that has passed, and is found by others.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	defaultPort     = "8000"
	maxBody         = 64 << 10
	shutdownTimeout = 10 * time.Second
)

func main() {
	port := defaultPort
	if value := os.Getenv("PORT"); value != "" {
		port = value
	}
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		if err := healthcheck(port); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := serve(port); err != nil {
		log.Fatal(err)
	}
}

// serve answers until SIGTERM or SIGINT, then lets running requests end.
func serve(port string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	server := &http.Server{
		Addr:              ":" + port,
		Handler:           newAPI(newRegistry(time.Now)),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("control-plane listens on %s", server.Addr)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Print("control-plane stops")
	drain, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return server.Shutdown(drain)
}

// healthcheck asks the server in the same container: an image from scratch has no curl.
func healthcheck(port string) error {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://127.0.0.1:" + port + "/health")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", response.Status)
	}
	return nil
}

// newAPI: GET /health, GET /v1/services, and GET, PUT, DELETE /v1/services/NAME.
func newAPI(registry *registry) http.Handler {
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]any{
			"status":         "ok",
			"service":        "control-plane",
			"uptime_seconds": int(time.Since(started).Seconds()),
			"services":       len(registry.list()),
		})
	})
	mux.HandleFunc("/v1/services", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			fail(w, http.StatusMethodNotAllowed, "only GET")
			return
		}
		reply(w, http.StatusOK, map[string]any{"services": registry.list()})
	})
	mux.HandleFunc("/v1/services/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/v1/services/")
		switch r.Method {
		case http.MethodGet:
			if instance, ok := registry.get(name); ok {
				reply(w, http.StatusOK, instance)
			} else {
				fail(w, http.StatusNotFound, "no such service")
			}
		case http.MethodPut:
			register(w, r, registry, name)
		case http.MethodDelete:
			registry.remove(name)
			w.WriteHeader(http.StatusNoContent)
		default:
			fail(w, http.StatusMethodNotAllowed, "only GET, PUT and DELETE")
		}
	})
	return mux
}

func register(w http.ResponseWriter, r *http.Request, registry *registry, name string) {
	var request struct {
		Address    string `json:"address"`
		TTLSeconds int    `json:"ttl_seconds"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	instance, err := registry.put(name, request.Address, time.Duration(request.TTLSeconds)*time.Second)
	if errors.Is(err, errInvalid) {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	reply(w, http.StatusOK, instance)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Printf("reply: %v", err)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]string{"error": message})
}
