import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.Encoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;

/**
 * Exchanges Avro data through a folder: reads what is in cases.json and the container files that it
 * names with Java's Avro, writes all of it again, and says so in answers.json.
 */
public class Peer {
  private static final String[] CODECS = {"null", "deflate", "snappy", "zstandard"};
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HexFormat HEX = HexFormat.of();

  private final GenericData model = model();
  private final Schema schema;
  private final DatumReader<Object> reader;
  private final DatumWriter<Object> writer;

  Peer(Schema schema) {
    this.schema = schema;
    this.reader = reader(schema);
    this.writer = writer(schema);
  }

  public static void main(String[] args) throws Exception {
    File folder = new File(args[0]);
    ArrayNode answers = JSON.createArrayNode();
    for (JsonNode test : JSON.readTree(new File(folder, "cases.json"))) {
      try {
        answers.add(new Peer(parse(test.get("schema"))).answer(test, folder));
      } catch (Exception fault) {
        throw new IllegalStateException("case " + test.get("name"), fault);
      }
    }
    JSON.writeValue(new File(folder, "answers.json"), answers);
  }

  private static Schema parse(JsonNode schema) {
    return new Schema.Parser().parse(schema.toString());
  }

  /** Goes through the Java type of each logical type, so that Java says what it takes. */
  private static GenericData model() {
    GenericData model = new WholeDoubles();
    model.addLogicalTypeConversion(new Conversions.DecimalConversion());
    model.addLogicalTypeConversion(new Conversions.UUIDConversion());
    model.addLogicalTypeConversion(new Conversions.DurationConversion());
    model.addLogicalTypeConversion(new TimeConversions.DateConversion());
    model.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
    model.addLogicalTypeConversion(new TimeConversions.TimeMicrosConversion());
    model.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    model.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    model.addLogicalTypeConversion(new TimeConversions.TimestampNanosConversion());
    model.addLogicalTypeConversion(new TimeConversions.LocalTimestampMillisConversion());
    model.addLogicalTypeConversion(new TimeConversions.LocalTimestampMicrosConversion());
    model.addLogicalTypeConversion(new TimeConversions.LocalTimestampNanosConversion());
    return model;
  }

  /** Without the arrays of 1.12.0 that cut doubles down to floats (AVRO-4108). */
  private static final class WholeDoubles extends GenericData {
    @Override
    public Object newArray(Object old, int size, Schema schema) {
      return new GenericData.Array<Object>(size, schema);
    }
  }

  @SuppressWarnings("unchecked")
  private DatumReader<Object> reader(Schema into) {
    return model.createDatumReader(schema, into);
  }

  @SuppressWarnings("unchecked")
  private DatumWriter<Object> writer(Schema of) {
    return model.createDatumWriter(of);
  }

  private ObjectNode answer(JsonNode test, File folder) throws Exception {
    ObjectNode found = JSON.createObjectNode();
    found.set("name", test.get("name"));
    List<Object> values = new ArrayList<>();
    for (JsonNode data : test.get("data")) {
      values.add(read(reader, HEX.parseHex(data.textValue())));
    }
    for (Object value : values) {
      found.withArray("data").add(HEX.formatHex(write(writer, value)));
      found.withArray("blocked").add(HEX.formatHex(writeInBlocks(value)));
      found.withArray("text").add(text(value));
    }
    for (JsonNode text : test.get("text")) {
      found.withArray("fromText").add(fromText(text.textValue()));
    }
    single(test, found);
    resolved(test, found);
    files(test, found, folder, values);
    return found;
  }

  private static Object read(DatumReader<Object> reader, byte[] data) throws Exception {
    BinaryDecoder from = DecoderFactory.get().binaryDecoder(data, null);
    Object value = reader.read(null, from);
    if (!from.isEnd()) {
      throw new IllegalArgumentException("bytes are left after " + HEX.formatHex(data));
    }
    return value;
  }

  private static byte[] write(DatumWriter<Object> writer, Object value) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Encoder to = EncoderFactory.get().binaryEncoder(out, null);
    writer.write(value, to);
    to.flush();
    return out.toByteArray();
  }

  /** Blocks of arrays and maps come with their size in bytes and a negative count. */
  private byte[] writeInBlocks(Object value) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Encoder to = new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null);
    writer.write(value, to);
    to.flush();
    return out.toByteArray();
  }

  private String text(Object value) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Encoder to = EncoderFactory.get().jsonEncoder(schema, out);
    writer.write(value, to);
    to.flush();
    return out.toString("UTF-8");
  }

  /** Java writes NaN and the infinities as text, but does not read them. */
  private String fromText(String text) throws Exception {
    if (text.contains("\"NaN\"") || text.contains("Infinity\"")) {
      return null;
    }
    Object value = reader.read(null, DecoderFactory.get().jsonDecoder(schema, text));
    return HEX.formatHex(write(writer, value));
  }

  private void single(JsonNode test, ObjectNode found) throws Exception {
    BinaryMessageDecoder<Object> decoder = new BinaryMessageDecoder<>(model, schema);
    BinaryMessageEncoder<Object> encoder = new BinaryMessageEncoder<>(model, schema);
    for (JsonNode message : test.get("single")) {
      ByteBuffer out = encoder.encode(decoder.decode(HEX.parseHex(message.textValue())));
      byte[] bytes = new byte[out.remaining()];
      out.get(bytes);
      found.withArray("single").add(HEX.formatHex(bytes));
    }
  }

  private void resolved(JsonNode test, ObjectNode found) throws Exception {
    if (!test.has("reader")) {
      return;
    }
    Schema into = parse(test.get("reader"));
    DatumReader<Object> resolving = reader(into);
    for (JsonNode data : test.get("data")) {
      Object value = read(resolving, HEX.parseHex(data.textValue()));
      found.withArray("resolved").add(HEX.formatHex(write(writer(into), value)));
    }
  }

  private void files(JsonNode test, ObjectNode found, File folder, List<Object> values) throws Exception {
    for (String codec : CODECS) {
      File from = new File(test.get("files").get(codec).textValue());
      ArrayNode list = found.withObject("/read").withArray(codec);
      try (DataFileReader<Object> file = new DataFileReader<>(from, reader(schema))) {
        for (Object value : file) {
          list.add(HEX.formatHex(write(writer, value)));
        }
      }
      File to = new File(folder, test.get("name").textValue() + ".wrote." + codec + ".avro");
      try (DataFileWriter<Object> file = new DataFileWriter<>(writer)) {
        // Small blocks, so that there is more than one.
        file.setCodec(CodecFactory.fromString(codec)).setSyncInterval(200).create(schema, to);
        for (Object value : values) {
          file.append(value);
        }
      }
      found.withObject("/wrote").put(codec, to.getPath());
    }
  }
}
