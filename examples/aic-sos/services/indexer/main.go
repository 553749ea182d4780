// Command indexer is a full-text index in memory: POST /documents puts a document in, GET /search?q=
// finds it again. With CONTROL_PLANE_URL set it keeps itself registered there.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	defaultPort     = "9002"
	maxBody         = 1 << 20
	maxHits         = 100
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
	var registrar *registrar
	if url := os.Getenv("CONTROL_PLANE_URL"); url != "" {
		host, err := os.Hostname()
		if err != nil {
			log.Fatal(err)
		}
		registrar = newRegistrar(url, host+":"+port)
	}
	if err := serve(port, registrar); err != nil {
		log.Fatal(err)
	}
}

// serve answers until SIGTERM or SIGINT, then lets running requests end. registrar may be nil.
func serve(port string, registrar *registrar) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	var background sync.WaitGroup
	if registrar != nil {
		background.Add(1)
		go func() {
			defer background.Done()
			registrar.run(ctx)
		}()
	}
	server := &http.Server{
		Addr:              ":" + port,
		Handler:           newAPI(newIndex(), registrar),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("indexer listens on %s", server.Addr)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Print("indexer stops")
	background.Wait()
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

// newAPI: GET /health, POST /documents {"id","text"}, GET /search?q=&limit=.
func newAPI(index *index, registrar *registrar) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		documents, words := index.size()
		reply(w, http.StatusOK, map[string]any{
			"status":     "ok",
			"service":    "indexer",
			"documents":  documents,
			"words":      words,
			"registered": registrar != nil && registrar.registered.Load(),
		})
	})
	mux.HandleFunc("/documents", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			fail(w, http.StatusMethodNotAllowed, "only POST")
			return
		}
		var document struct {
			ID   string `json:"id"`
			Text string `json:"text"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&document); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		if document.ID == "" {
			fail(w, http.StatusUnprocessableEntity, "a document needs an id")
			return
		}
		index.add(document.ID, document.Text)
		reply(w, http.StatusCreated, map[string]string{"id": document.ID})
	})
	mux.HandleFunc("/search", func(w http.ResponseWriter, r *http.Request) {
		limit := 10
		if text := r.URL.Query().Get("limit"); text != "" {
			value, err := strconv.Atoi(text)
			if err != nil || value < 1 || value > maxHits {
				fail(w, http.StatusBadRequest, fmt.Sprintf("limit is 1 to %d", maxHits))
				return
			}
			limit = value
		}
		reply(w, http.StatusOK, map[string]any{"hits": index.search(r.URL.Query().Get("q"), limit)})
	})
	return mux
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
