# env: FRAPPE_VERSION=v15.1.0
# An application and the images that it is built from.
variable "REGISTRY_USER" { default = "acme" }
variable "PYTHON_VERSION" { default = "3.11.6" }
variable "FRAPPE_VERSION" { default = "develop" }
variable "ERPNEXT_VERSION" { default = "develop" }
variable "REPO" { default = "https://example.org/app" }
variable "LATEST" { default = "dev" }
function "tag" {
  params = [repo, version]
  result = [
    "${REGISTRY_USER}/${repo}:${version}",
    "${version}" == "develop" ? "${REGISTRY_USER}/${repo}:latest" : "${REGISTRY_USER}/${repo}:${version}",
    can(regex("^v1[0-9]", version)) ? "${REGISTRY_USER}/${repo}:${regex("^v1[0-9]", version)}" : "",
  ]
}
group "default" { targets = ["erpnext", "base", "build"] }
target "default-args" {
  args = {
    FRAPPE_PATH = "${REPO}/frappe"
    ERPNEXT_PATH = "${REPO}/erpnext"
    FRAPPE_BRANCH = FRAPPE_VERSION
    PYTHON_VERSION = PYTHON_VERSION
  }
}
target "erpnext" {
  inherits = ["default-args"]
  context = "."
  dockerfile = "images/production/Containerfile"
  target = "erpnext"
  tags = tag("erpnext", ERPNEXT_VERSION)
}
target "base" {
  inherits = ["default-args"]
  context = "."
  dockerfile = "images/production/Containerfile"
  target = "base"
  tags = tag("base", "${FRAPPE_VERSION}")
}
target "build" {
  inherits = ["default-args"]
  target = "build"
  tags = tag("build", "${ERPNEXT_VERSION}")
}
