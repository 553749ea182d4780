package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sort"
	"strings"
	"time"
)

const (
	prefix          = "/connectors/"
	maxBody         = 1 << 20
	upstreamTimeout = 30 * time.Second
)

// A gateway is immutable once made.
type gateway struct {
	proxies map[string]*httputil.ReverseProxy
}

// parseConnectors reads NAME=URL,NAME=URL.
func parseConnectors(text string) (map[string]*url.URL, error) {
	connectors := make(map[string]*url.URL)
	for _, item := range strings.Split(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, address, found := strings.Cut(item, "=")
		if !found || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("CONNECTORS: %q is not NAME=URL", item)
		}
		upstream, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("CONNECTORS: %s: %w", name, err)
		}
		if (upstream.Scheme != "http" && upstream.Scheme != "https") || upstream.Host == "" {
			return nil, fmt.Errorf("CONNECTORS: %s: %q is not an http URL", name, address)
		}
		if _, twice := connectors[name]; twice {
			return nil, fmt.Errorf("CONNECTORS: %s is there twice", name)
		}
		connectors[name] = upstream
	}
	return connectors, nil
}

func newGateway(connectors map[string]*url.URL) *gateway {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = upstreamTimeout
	transport.Proxy = nil
	g := &gateway{proxies: make(map[string]*httputil.ReverseProxy, len(connectors))}
	for name, upstream := range connectors {
		name := name
		proxy := httputil.NewSingleHostReverseProxy(upstream)
		proxy.Transport = transport
		proxy.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				fail(w, http.StatusRequestEntityTooLarge, "body too large")
				return
			}
			log.Printf("%s: %v", name, err)
			fail(w, http.StatusBadGateway, name+" does not answer")
		}
		g.proxies[name] = proxy
	}
	return g
}

func (g *gateway) names() []string {
	names := make([]string, 0, len(g.proxies))
	for name := range g.proxies {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, prefix), "/")
	proxy, ok := g.proxies[name]
	if !ok {
		fail(w, http.StatusNotFound, "no such connector")
		return
	}
	if status, message := validate(r); status != 0 {
		fail(w, status, message)
		return
	}
	r.URL.Path = "/" + path
	r.URL.RawPath = ""
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	proxy.ServeHTTP(w, r)
}

// validate returns 0 for a request that may pass, else the status and why.
func validate(r *http.Request) (int, string) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		return 0, ""
	case http.MethodPost, http.MethodPut:
	default:
		return http.StatusMethodNotAllowed, "method not allowed"
	}
	if r.ContentLength > maxBody {
		return http.StatusRequestEntityTooLarge, "body too large"
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(strings.ToLower(kind)) != "application/json" {
		return http.StatusUnsupportedMediaType, "only application/json"
	}
	return 0, ""
}
