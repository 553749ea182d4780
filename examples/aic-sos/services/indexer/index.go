package main

import (
	"math"
	"sort"
	"strings"
	"sync"
	"unicode"
)

// A hit is one document found, best first.
type hit struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
}

// An index maps words to the documents that hold them. It is safe for use by several goroutines.
type index struct {
	mutex     sync.RWMutex
	documents map[string]map[string]int // id -> word -> how often
	postings  map[string]map[string]int // word -> id -> how often
}

func newIndex() *index {
	return &index{documents: make(map[string]map[string]int), postings: make(map[string]map[string]int)}
}

// words are runs of letters and digits, in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// add puts a document in, in place of an older one of the same id.
func (x *index) add(id, text string) {
	counts := make(map[string]int)
	for _, word := range words(text) {
		counts[word]++
	}
	x.mutex.Lock()
	defer x.mutex.Unlock()
	x.remove(id)
	x.documents[id] = counts
	for word, count := range counts {
		if x.postings[word] == nil {
			x.postings[word] = make(map[string]int)
		}
		x.postings[word][id] = count
	}
}

// remove forgets a document; the caller holds the mutex.
func (x *index) remove(id string) {
	for word := range x.documents[id] {
		delete(x.postings[word], id)
		if len(x.postings[word]) == 0 {
			delete(x.postings, word)
		}
	}
	delete(x.documents, id)
}

// search returns at most limit documents that hold every word of the query, by tf-idf.
func (x *index) search(query string, limit int) []hit {
	x.mutex.RLock()
	defer x.mutex.RUnlock()
	scores := make(map[string]float64)
	for i, word := range words(query) {
		postings := x.postings[word]
		weight := math.Log(1 + float64(len(x.documents))/float64(1+len(postings)))
		if i == 0 {
			for id, count := range postings {
				scores[id] = float64(count) * weight
			}
			continue
		}
		for id := range scores {
			if count, ok := postings[id]; ok {
				scores[id] += float64(count) * weight
			} else {
				delete(scores, id)
			}
		}
	}
	hits := make([]hit, 0, len(scores))
	for id, score := range scores {
		hits = append(hits, hit{ID: id, Score: score})
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Score != hits[j].Score {
			return hits[i].Score > hits[j].Score
		}
		return hits[i].ID < hits[j].ID
	})
	if len(hits) > limit {
		hits = hits[:limit]
	}
	return hits
}

// size returns the number of documents and of different words.
func (x *index) size() (int, int) {
	x.mutex.RLock()
	defer x.mutex.RUnlock()
	return len(x.documents), len(x.postings)
}
