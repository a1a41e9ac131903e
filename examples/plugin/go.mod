module example.com/sluice-plugin

go 1.26

require github.com/sluice-stream/sluice v0.0.0

replace github.com/sluice-stream/sluice => ../..
