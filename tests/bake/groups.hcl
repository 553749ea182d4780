group "default" { targets = ["all"] }
group "all" {
  targets = ["images", "tools"]
  description = "everything"
}
group "images" { targets = ["web", "api"] }
group "tools" { targets = ["tool", "web"] }
target "web" {}
target "api" {}
target "tool" {
  name = "tool-${x}"
  matrix = { x = ["a", "b"] }
}
