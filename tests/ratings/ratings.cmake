foreach(unit judgements units)
  drover_test(ratings/${unit} NEEDS ratings)
endforeach()
