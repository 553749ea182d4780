variable "SERVICES" {
  default = { web = { port = 80, tags = ["a", "b"] }, api = { port = 8080, tags = [] } }
}
target "default" {
  args = {
    keys = join(",", keys(SERVICES))
    ports = join(",", [for name, s in SERVICES : "${name}:${s.port}"])
    some = jsonencode({ for name, s in SERVICES : upper(name) => s.port if s.port > 100 })
    grouped = jsonencode({ for x in ["aa", "b", "cc"] : strlen(x) => x... })
    splat = jsonencode(values(SERVICES)[*].port)
    legacy = jsonencode([{ a = 1 }, { a = 2 }].*.a)
    nested = jsonencode([for x in [1, 2] : [for y in ["p", "q"] : "${x}${y}"]])
    index = SERVICES["web"].tags[1]
    attr = SERVICES.api.port
    merged = jsonencode(merge({ a = 1 }, { b = [true, null] }))
    lookup = lookup(SERVICES, "nope", "none")
    expanded = max([1, 5, 3]...)
    flat = jsonencode(flatten([[1], [2, [3]]]))
    product = jsonencode(setproduct(["a", "b"], [1]))
    zipped = jsonencode(zipmap(["x", "y"], [1, 2]))
    range = jsonencode(range(1, 10, 3))
    chunks = jsonencode(chunklist(["a", "b", "c"], 2))
  }
}
