foreach(unit divergence filter json_lines scored_record)
  drover_test(eval/${unit} NEEDS eval)
endforeach()
