variable "CI" { default = "" }
variable "REGISTRY" { default = "example.org" }
target "default" {
  tags = equal(CI, "") ? ["local/app"] : ["${REGISTRY}/app:${CI}"]
  cache-from = CI == "" ? [] : ["type=gha"]
  cache-to = CI != "" ? ["type=gha,mode=max"] : []
  platforms = CI == "" ? null : ["linux/amd64", "linux/arm64"]
  output = [CI == "" ? "type=docker" : "type=registry"]
  args = CI == "" ? { MODE = "dev" } : { MODE = "ci", EXTRA = "1" }
}
