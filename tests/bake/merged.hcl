# with: merged-over.hcl
variable "TAG" { default = "one" }
target "app" {
  args = { A = "1", B = "1" }
  tags = ["acme/app:${TAG}"]
  labels = { a = "1" }
}
group "default" { targets = ["app"] }
