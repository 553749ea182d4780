# env: V=fromenv
# set: app.args.V
target "app" { args = { V = "1" } }
