import java.io.File;
import org.apache.avro.Schema;
import org.apache.avro.compiler.specific.SpecificCompiler;
import org.apache.avro.generic.GenericData.StringType;

/** Writes the classes of a schema: Generate SCHEMA FOLDER natural|raw. */
public class Generate {
  public static void main(String[] args) throws Exception {
    File schema = new File(args[0]);
    SpecificCompiler compiler = new SpecificCompiler(new Schema.Parser().parse(schema));
    boolean natural = args[2].equals("natural");
    compiler.setEnableDecimalLogicalType(natural);
    compiler.setStringType(natural ? StringType.String : StringType.CharSequence);
    compiler.compileToDestination(schema, new File(args[1]));
  }
}
