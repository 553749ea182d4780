# Targets that are called like commands.
group "default" { targets = ["build", "test"] }
target "build" { target = "build" }
target "test" {
  target = "test"
  contexts = { built = "target:build" }
}
target "lint" { call = "check" }
target "verify" { target = "verify" }
target "_x" {}
target "UPPER" { tags = ["acme/upper"] }
