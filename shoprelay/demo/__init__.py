"""The demo: a simulated shop hour through the whole product, compared with what a plain model says should come out."""
