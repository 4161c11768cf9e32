foreach(unit agreement judgements raters units)
  drover_test(ratings/${unit} NEEDS ratings)
endforeach()
