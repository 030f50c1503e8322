module golden(
  a,
  b,
  cin,
  sum,
  carry,
  chosen,
  \and ,
  off,
  b_1
);
  input a;
  input b;
  input cin;
  output sum;
  output carry;
  output chosen;
  output \and ;
  output off;
  output b_1;
  wire g0;
  assign g0 = a ^ b;
  assign sum = g0 ^ cin;
  assign carry = (a & b) | (cin & (a | b));
  assign chosen = (carry & a) | (~carry & sum);
  wire g4;
  assign g4 = (chosen & (b | a)) | (~chosen & (b ^ ~a));
  assign off = 1'b0;
  assign \and  = g4 & ~g0;
  assign b_1 = b;
endmodule
