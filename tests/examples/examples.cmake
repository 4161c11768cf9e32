drover_test(examples/world NEEDS world)
