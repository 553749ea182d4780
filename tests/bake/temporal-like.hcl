variable "IMAGE_REPO" { default = "acme" }
variable "SHA" { default = "0123456789abcdef" }
variable "TAG_LATEST" { default = false }
variable "SAFE_BRANCH" { default = "feature/a.b" }
target "admin-tools" {
  dockerfile = "docker/targets/admin-tools.Dockerfile"
  tags = compact([
    "${IMAGE_REPO}/admin-tools:sha-${substr(SHA, 0, 7)}",
    "${IMAGE_REPO}/admin-tools:branch-${sanitize(SAFE_BRANCH)}",
    TAG_LATEST ? "${IMAGE_REPO}/admin-tools:latest" : "",
  ])
  platforms = ["linux/amd64", "linux/arm64"]
  contexts = { server = "target:server" }
  labels = {
    "org.opencontainers.image.title" = "admin-tools"
    "org.opencontainers.image.revision" = SHA
    "org.opencontainers.image.created" = null
  }
}
target "server" {
  tags = [format("%s/server:%s", IMAGE_REPO, upper(SHA))]
  platforms = ["linux/amd64", "linux/arm64"]
}
