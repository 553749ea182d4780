variable "REPO" { default = "acme/xx" }
function "tag" {
  params = [name]
  result = notequal("", REPO) ? ["${REPO}:${name}"] : []
}
group "default" { targets = ["build"] }
group "test" { targets = ["test-src", "test-base"] }
target "build" {
  target = "xx"
  platforms = ["linux/amd64", "linux/arm64"]
  tags = tag("latest")
}
target "test-src" {
  name = "test-${base.id}-${distro}"
  matrix = {
    base = [{ id = "a", image = "alpine" }, { id = "d", image = "debian" }]
    distro = ["edge", "stable"]
  }
  target = "test-src"
  args = { TEST_BASE_IMAGE = "${base.image}:${distro}", TEST_BASE_TYPE = base.image }
}
target "test-base" {
  inherits = ["build"]
  contexts = { sdk-extras = "docker-image://scratch", xx = "target:build" }
}
