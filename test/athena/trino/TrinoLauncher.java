/** Starts the server as Trino's own launcher class does, which is not on Maven Central in this release. */
public final class TrinoLauncher {
    private TrinoLauncher() {}

    public static void main(String[] parameters) {
        new io.trino.server.Server().start(parameters[0]);
    }
}
