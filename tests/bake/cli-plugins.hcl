# A command line tool and its plugins, with a matrix of variants.
variable "GO_VERSION" { default = null }
variable "USE_GLIBC" { default = "" }
variable "STRIP_TARGET" { default = "" }
variable "COMPANY" { default = "Acme Inc." }
target "_common" {
  args = {
    GO_VERSION = GO_VERSION
    BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1
  }
}
group "default" { targets = ["binary"] }
target "binary" {
  inherits = ["_common"]
  target = "binary"
  platforms = ["local"]
  output = ["build"]
  args = {
    BASE_VARIANT = USE_GLIBC == "1" ? "debian" : "alpine"
    GO_STRIP = STRIP_TARGET
    COMPANY_NAME = COMPANY
  }
}
target "dynbinary" {
  inherits = ["binary"]
  args = { GO_LINKMODE = "dynamic" }
}
target "plugins" {
  inherits = ["_common"]
  name = "plugins-${item}"
  matrix = { item = ["hello", "sleep"] }
  args = { PLUGIN = item }
  output = ["build/${item}"]
}
