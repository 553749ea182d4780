variable "BASE" { default = "base" }
target "base" {
  context = "./${BASE}"
  tags = ["acme/base:1"]
  args = { V = "1" }
}
target "default" {
  context = target.base.context
  args = {
    TAG = target.base.tags[0]
    ALL = jsonencode(target.base.args)
    NAME = "${target.base.name}"
  }
  contexts = { base = "target:base" }
}
target "m" {
  name = "m-${x}"
  matrix = { x = ["1", "2"] }
  args = { X = x }
}
target "uses" { args = { X = target.m-1.args.X } }
