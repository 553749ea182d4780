variable "MAYBE" { default = { a = { b = "deep" } } }
target "default" {
  args = {
    a = try(MAYBE.a.b, "none")
    b = try(MAYBE.x.y, "none")
    c = can(MAYBE.a) ? "yes" : "no"
    d = can(regex("^x", "y")) ? "yes" : "no"
    e = coalesce(null, "first", "second")
    g = contains(["a", "b"], "b") ? "in" : "out"
    h = indexof(["a", "b"], "b")
    i = element(["a", "b", "c"], 4)
    j = jsonencode(distinct(["b", "a", "b"]))
    k = jsonencode(sort(["b", "a"]))
    l = jsonencode(slice(["a", "b", "c"], 1, 2))
    m = jsonencode(compact(["", "x"]))
    n = length("abc" == "abc" ? ["x"] : [])
    o = jsonencode(setunion(["b"], ["a"]))
    p = jsonencode(setsubtract(["a", "b"], ["b"]))
    q = jsonencode(setintersection(["a", "b"], ["b", "c"]))
    r = jsonencode(setsymmetricdifference(["a"], ["b"]))
    s = jsonencode(reverselist(["a", "b"]))
    t = jsonencode(concat(["a"], ["b", "c"]))
    u = jsonencode(coalescelist([], ["z"]))
    v = index(["a", "b"], 1)
    w = sethaselement(convert(["a"], set(string)), "a")
  }
}
