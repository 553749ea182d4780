variable "TAG" { default = "two" }
target "app" {
  args = { B = "2", C = "2" }
  labels = { a = "2" }
}
target "other" { inherits = ["app"] }
group "default" { targets = ["app", "other"] }
