# env: RELEASE=true
variable "RELEASE" { default = "false" }
variable "ALPINE_VERSION" { default = null }
variable "GOLANG_IMAGE" { default = "golang" }
variable "IMAGE_NAME" { default = "acme/buildkit" }
variable "GENERATED_OUT" { default = "generated" }
target "_common" {
  args = {
    ALPINE_VERSION = ALPINE_VERSION
    KEEP_GIT = "1"
  }
}
group "validate" { targets = ["lint", "vendor"] }
group "lint" { targets = ["lint-default", "lint-labs"] }
target "lint-default" { inherits = ["_common"] }
target "lint-labs" {
  inherits = ["_common"]
  args = { BUILDTAGS = "dfrunsecurity" }
  platforms = [ "linux/amd64", "windows/amd64" ]
}
target "vendor" {
  name = "vendor-${ext}"
  matrix = { ext = ["mod", "sum"] }
  inherits = ["_common"]
  args = { EXT = ext }
}
target "image" {
  tags = RELEASE == "true" ? ["${IMAGE_NAME}:latest", "${IMAGE_NAME}:v1"] : ["${IMAGE_NAME}:dev"]
  attest = ["type=provenance,mode=max", { type = "sbom" }]
  cache-to = ["type=inline"]
  cache-from = ["type=registry,ref=${IMAGE_NAME}:buildcache", "${IMAGE_NAME}:plain"]
}
