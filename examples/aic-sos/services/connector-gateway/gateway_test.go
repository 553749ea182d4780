package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestParseConnectors(t *testing.T) {
	connectors, err := parseConnectors("indexer=http://indexer:9002, agent=http://agent:9001")
	if err != nil || len(connectors) != 2 || connectors["agent"].Host != "agent:9001" {
		t.Fatalf("%v %v", connectors, err)
	}
	for _, bad := range []string{"x", "=http://a", "a/b=http://c", "a=ftp://b", "a=http://b,a=http://c"} {
		if _, err := parseConnectors(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestProxy(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method+" "+r.URL.RequestURI())
	}))
	defer upstream.Close()
	target, _ := url.Parse(upstream.URL)
	g := newGateway(map[string]*url.URL{"up": target})
	for _, c := range []struct {
		method, path, kind string
		status             int
		body               string
	}{
		{"GET", "/connectors/up/search?q=a", "", 200, "GET /search?q=a"},
		{"POST", "/connectors/up/documents", "application/json", 200, "POST /documents"},
		{"POST", "/connectors/up/documents", "text/plain", 415, "only application/json"},
		{"PATCH", "/connectors/up/", "", 405, "not allowed"},
		{"GET", "/connectors/other/", "", 404, "no such connector"},
	} {
		request := httptest.NewRequest(c.method, c.path, strings.NewReader("{}"))
		request.Header.Set("Content-Type", c.kind)
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, request)
		if recorder.Code != c.status || !strings.Contains(recorder.Body.String(), c.body) {
			t.Errorf("%s %s: %d %s", c.method, c.path, recorder.Code, recorder.Body)
		}
	}
}
