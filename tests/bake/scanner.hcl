variable "IMAGE" { default = "acme/scanner" }
variable "EXAMPLES" { default = ["alpine", "golang", "multi-stage"] }
group "default" { targets = ["image"] }
target "meta" { tags = ["${IMAGE}:local"] }
target "image" { inherits = ["meta"] }
target "image-cross" {
  inherits = ["image"]
  platforms = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"]
}
target "example" {
  name = "example-${name}"
  matrix = { name = EXAMPLES }
  context = "examples/${name}"
  attest = ["type=sbom,generator=${IMAGE}:local"]
  output = ["type=local,dest=out/${name}"]
}
