# env: VERSION=24.0.1
# A daemon's build: binaries, cross builds, and a base for all.
variable "VERSION" { default = "" }
variable "STATIC" { default = "1" }
variable "DESTDIR" { default = "" }
variable "PACKAGER" { default = "" }
function "outdir" {
  params = [sub]
  result = ["type=local,dest=${DESTDIR != "" ? DESTDIR : "./bundles/${sub}"}"]
}
group "default" { targets = ["binary"] }
target "_common" {
  args = {
    STATIC = STATIC
    VERSION = VERSION
    PACKAGER = PACKAGER != "" ? PACKAGER : null
  }
}
target "_platforms" {
  platforms = ["linux/amd64", "linux/arm/v6", "linux/arm64", "windows/amd64"]
}
target "binary" {
  inherits = ["_common"]
  target = "binary"
  output = outdir(STATIC == "1" ? "static" : "dynamic")
}
target "cross" {
  inherits = ["binary", "_platforms"]
}
target "dev" {
  inherits = ["_common"]
  target = "dev"
  args = { FLAVOR = "full" }
  tags = ["daemon-dev"]
  output = ["type=docker"]
}
