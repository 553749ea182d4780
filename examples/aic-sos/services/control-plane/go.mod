module aic-sos/control-plane

go 1.19
