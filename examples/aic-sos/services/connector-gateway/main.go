// Command connector-gateway is the one door to the cluster's services: /connectors/NAME/PATH goes to
// PATH of the upstream that CONNECTORS names, after the request was found fit to pass.
//
// CONNECTORS is a comma-separated list of NAME=URL.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	defaultPort     = "8001"
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
	connectors, err := parseConnectors(os.Getenv("CONNECTORS"))
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(port, newGateway(connectors)); err != nil {
		log.Fatal(err)
	}
}

// serve answers until SIGTERM or SIGINT, then lets running requests end.
func serve(port string, gateway *gateway) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]any{
			"status":         "ok",
			"service":        "connector-gateway",
			"uptime_seconds": int(time.Since(started).Seconds()),
			"connectors":     gateway.names(),
		})
	})
	mux.Handle(prefix, gateway)
	server := &http.Server{
		Addr:              ":" + port,
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("connector-gateway listens on %s", server.Addr)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Print("connector-gateway stops")
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
