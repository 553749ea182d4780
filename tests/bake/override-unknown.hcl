# set: nope.args.V=2
target "app" {}
