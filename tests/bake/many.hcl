# A matrix over three lists.
target "default" {
  name = "app-${replace(os, ".", "-")}-${arch}-${mode.name}"
  matrix = {
    os = ["debian.12", "alpine.3"]
    arch = ["amd64", "arm64"]
    mode = [{ name = "dev", debug = true }, { name = "prod", debug = false }]
  }
  platforms = ["linux/${arch}"]
  args = {
    OS = replace(os, ".", ":")
    DEBUG = mode.debug
    FLAGS = mode.debug ? "-g" : "-O2"
  }
  tags = ["acme/app:${mode.name}-${sanitize(os)}"]
}
