foreach(unit divergence json_lines scored)
  drover_test(eval/${unit} NEEDS eval)
endforeach()
