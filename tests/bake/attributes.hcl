# Values of the top level, and the variables that bake has.
prefix = "acme"
full = "${prefix}/app"
target "default" {
  tags = ["${full}:1"]
  platforms = [BAKE_LOCAL_PLATFORM]
  context = BAKE_CMD_CONTEXT
  contexts = { here = "cwd://sub", empty = "" }
}
