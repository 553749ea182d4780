# env: LIST=p,"q,r"
# env: COUNT=5
# env: DEBUG=t
# env: PAIRS=a:1,b:2
# env: OBJ_JSON={"name": "n", "size": 3}
variable "LIST" {
  type = list(string)
  default = ["x"]
}
variable "COUNT" {
  type = number
  default = 1
}
variable "DEBUG" {
  type = bool
  default = false
}
variable "PAIRS" {
  type = map(string)
  default = {}
}
variable "OBJ" {
  type = object({ name = string, size = optional(number), tag = optional(string) })
  default = { name = "default" }
}
variable "NOTHING" { type = string }
variable "TUPLE" {
  type = tuple([string, number])
  default = ["a", "2"]
}
target "default" {
  args = {
    list = jsonencode(LIST)
    count = COUNT + 1
    debug = DEBUG ? "on" : "off"
    pairs = jsonencode(PAIRS)
    obj = jsonencode(OBJ)
    nothing = NOTHING == null ? "null" : "some"
    tuple = jsonencode(TUPLE)
    converted = jsonencode(convert(["1", "2"], list(number)))
  }
}
