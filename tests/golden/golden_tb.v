// Prints PASS, or FAIL with the first pattern that comes out wrong. Vectors: the first port is the rightmost bit.
module golden_tb;
  reg [2:0] given;
  reg [5:0] wanted;
  wire [5:0] found;
  reg failed;
  golden dut(.a(given[0]), .b(given[1]), .cin(given[2]), .sum(found[0]), .carry(found[1]), .chosen(found[2]), .\and (found[3]), .off(found[4]), .b_1(found[5]));
  task check(input [2:0] pattern, input [5:0] expected);
    if (!failed) begin
      given = pattern;
      wanted = expected;
      #1;
      if (found !== wanted) begin
        failed = 1'b1;
        $display("FAIL inputs %b: got %b, expected %b", given, found, wanted);
      end
    end
  endtask
  initial begin
    failed = 1'b0;
    check(3'b000, 6'b001000);
    check(3'b001, 6'b000101);
    check(3'b010, 6'b100101);
    check(3'b011, 6'b101110);
    check(3'b100, 6'b000101);
    check(3'b101, 6'b000110);
    check(3'b110, 6'b100010);
    check(3'b111, 6'b101111);
    if (!failed) $display("PASS 8 patterns");
    $finish;
  end
endmodule
