import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import shop.Order;

/**
 * Measures the specific reader and writer on one datum: Bench HEX. Prints the least nanoseconds an
 * operation takes, of this thread, which leaves out the collector's, and of the process.
 */
public class Bench {
  private static final int WARM_UP = 300_000;
  private static final int OPERATIONS = 200_000;
  private static final int WINDOWS = 12;

  private static final ThreadMXBean THREAD = ManagementFactory.getThreadMXBean();
  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private static Object sink;

  private interface Operation {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    byte[] datum = HexFormat.of().parseHex(args[0]);
    SpecificDatumReader<Order> reader = new SpecificDatumReader<>(Order.class);
    SpecificDatumWriter<Order> writer = new SpecificDatumWriter<>(Order.class);
    BinaryDecoder from = DecoderFactory.get().binaryDecoder(datum, null);
    Order order = reader.read(null, from);
    ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
    BinaryEncoder to = EncoderFactory.get().binaryEncoder(out, null);

    measure("encode", () -> {
      out.reset();
      writer.write(order, EncoderFactory.get().binaryEncoder(out, to));
      to.flush();
    });
    if (out.size() != datum.length) {
      throw new IllegalStateException("written again: " + HexFormat.of().formatHex(out.toByteArray()));
    }
    measure("decode", () -> {
      sink = reader.read(null, DecoderFactory.get().binaryDecoder(datum, from));
    });
    if (!order.equals(sink)) {
      throw new IllegalStateException("read again: " + sink + " from " + Arrays.toString(datum));
    }
  }

  private static void measure(String name, Operation operation) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      operation.run();
    }
    long thread = Long.MAX_VALUE;
    long process = Long.MAX_VALUE;
    for (int window = 0; window < WINDOWS; window++) {
      long threadStart = THREAD.getCurrentThreadCpuTime();
      long processStart = PROCESS.getProcessCpuTime();
      for (int i = 0; i < OPERATIONS; i++) {
        operation.run();
      }
      thread = Math.min(thread, THREAD.getCurrentThreadCpuTime() - threadStart);
      process = Math.min(process, PROCESS.getProcessCpuTime() - processStart);
    }
    System.out.printf("%s %d %d%n", name, thread / OPERATIONS, process / OPERATIONS);
  }
}
