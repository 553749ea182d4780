target "a" {
  args = { ONE = "a", TWO = "a", THREE = "a" }
  tags = ["a:1"]
  platforms = ["linux/amd64"]
  cache-from = ["type=gha,scope=a"]
  cache-to = ["type=gha,scope=a,mode=max"]
  secret = ["id=a,src=/dev/null"]
  labels = { l = "a" }
}
target "b" {
  inherits = ["a"]
  args = { TWO = "b" }
  cache-from = ["type=gha,scope=b"]
  no-cache-filter = ["x"]
}
target "c" {
  args = { TWO = "c", THREE = "c" }
  tags = ["c:1"]
  no-cache-filter = ["y", "x"]
}
target "default" {
  inherits = ["b", "c"]
  args = { THREE = "default" }
  platforms = ["linux/arm64", "linux/arm64"]
  secret = ["id=own,env=TOKEN", { id = "obj", src = "/dev/null" }]
  cache-to = ["type=inline"]
}
target "diamond" {
  inherits = ["b", "default", "a"]
}
