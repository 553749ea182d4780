function "increment" {
  params = [n]
  result = n + 1
}
function "twice" {
  params = [n]
  result = increment(increment(n))
}
function "joined" {
  params = [sep]
  variadic_params = parts
  result = join(sep, [for p in parts : upper(p)])
}
variable "PREFIX" { default = "p" }
function "prefixed" {
  params = [x]
  result = "${PREFIX}-${x}"
}
target "default" {
  args = {
    a = twice(3)
    b = joined("-", "x", "y", "z")
    c = joined("-")
    d = prefixed(twice(1))
  }
}
