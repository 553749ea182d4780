package main

import "testing"

func TestSearch(t *testing.T) {
	x := newIndex()
	x.add("a", "The quick brown fox")
	x.add("b", "quick, quick: the hare")
	x.add("c", "a slow snail")
	if hits := x.search("QUICK", 10); len(hits) != 2 || hits[0].ID != "b" || hits[1].ID != "a" {
		t.Errorf("quick: %v", hits)
	}
	if hits := x.search("quick fox", 10); len(hits) != 1 || hits[0].ID != "a" {
		t.Errorf("quick fox: %v", hits)
	}
	if hits := x.search("", 10); len(hits) != 0 {
		t.Errorf("nothing: %v", hits)
	}
	if hits := x.search("quick", 1); len(hits) != 1 {
		t.Errorf("limit: %v", hits)
	}
}

func TestAddReplaces(t *testing.T) {
	x := newIndex()
	x.add("a", "old text")
	x.add("a", "new text")
	if hits := x.search("old", 10); len(hits) != 0 {
		t.Errorf("old: %v", hits)
	}
	if documents, words := x.size(); documents != 1 || words != 2 {
		t.Errorf("size: %d %d", documents, words)
	}
}
