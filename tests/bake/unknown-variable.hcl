target "default" { tags = ["${NOPE}"] }
