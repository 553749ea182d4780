# Linters, generated code and tests of a tool.
variable "DOCS_FORMATS" { default = "md" }
variable "HTTP_PROXY" { default = "" }
group "default" { targets = ["binaries"] }
group "validate" { targets = ["lint", "validate-vendor", "validate-docs"] }
target "lint" {
  name = "lint-${build.name}"
  inherits = ["_common"]
  dockerfile = "./hack/lint.Dockerfile"
  output = ["type=cacheonly"]
  matrix = {
    build = [
      { name = "default", tags = "", golangci = true },
      { name = "labs", tags = "labs nydus", golangci = true },
      { name = "yaml", tags = "", golangci = false },
    ]
  }
  args = { TAGS = build.tags, ENABLED = build.golangci ? "1" : "" }
}
target "_common" { args = { BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1 } }
target "validate-vendor" {
  inherits = ["_common"]
  dockerfile = "./hack/vendor.Dockerfile"
  target = "validate"
  output = ["type=cacheonly"]
}
target "validate-docs" {
  inherits = ["_common"]
  args = { FORMATS = DOCS_FORMATS }
  target = "validate"
  output = [{ type = "cacheonly" }]
}
target "binaries" {
  inherits = ["_common"]
  target = "binaries"
  output = ["type=local,dest=./bin/build"]
  platforms = ["local"]
}
target "meta-helper" { tags = ["acme/tool:test"] }
target "image" {
  inherits = ["meta-helper", "binaries"]
  output = ["type=image"]
}
