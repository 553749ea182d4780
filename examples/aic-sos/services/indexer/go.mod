module aic-sos/indexer

go 1.19
