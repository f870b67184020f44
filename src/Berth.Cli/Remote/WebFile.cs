using System.Net;
using Berth.Cli.Archives;

namespace Berth.Cli.Remote;

/// <summary>A file on a web server, as it comes.</summary>
internal sealed class WebFile : IDisposable
{
    private const int MostOfError = 4096;
    private readonly HttpMessageInvoker invoker;
    private readonly HttpResponseMessage message;

    private WebFile(HttpMessageInvoker invoker, HttpResponseMessage message)
    {
        this.invoker = invoker;
        this.message = message;
        Content = message.Content.ReadAsStream();
    }

    /// <summary>What is left of it.</summary>
    public Stream Content { get; }

    /// <summary>Whether a text is the address of one.</summary>
    public static bool IsAddress(string text) => text.StartsWith("http://", StringComparison.Ordinal) || text.StartsWith("https://", StringComparison.Ordinal);

    /// <summary>Asks for a file, by the proxy that the environment names.</summary>
    /// <exception cref="CommandFailedException">The server cannot be reached, or refuses.</exception>
    public static WebFile Open(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri))
            throw Failed(address, "this is no address of a file");

        var http = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, ActivityHeadersPropagator = null });
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            request.Headers.TryAddWithoutValidation("User-Agent", "Berth-Client");
            HttpResponseMessage response = http.Send(request, CancellationToken.None);
            return (int)response.StatusCode < 400 ? new WebFile(http, response) : throw Refused(address, response);
        }
        catch (HttpRequestException exception)
        {
            http.Dispose();
            throw Failed(address, Reason(exception));
        }
        catch
        {
            http.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Content.Dispose();
        message.Dispose();
        invoker.Dispose();
    }

    private static CommandFailedException Refused(string address, HttpResponseMessage response)
    {
        using (response)
        {
            byte[] text = new byte[MostOfError];
            int length = response.Content.ReadAsStream().ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            string status = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(int)response.StatusCode} {response.ReasonPhrase}");
            return Failed(address, $"failed to GET {address} with status {status}: {System.Text.Encoding.UTF8.GetString(text, 0, length).Trim()}");
        }
    }

    private static CommandFailedException Failed(string address, string reason) => ContextFolder.Failed($"unable to download remote context {address}: {reason}");

    // The innermost reason is the system's; this program has no texts of the framework.
    private static string Reason(HttpRequestException exception)
    {
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is System.Net.Sockets.SocketException socket)
                return socket.SocketErrorCode switch
                {
                    System.Net.Sockets.SocketError.ConnectionRefused => "connection refused",
                    System.Net.Sockets.SocketError.HostNotFound or System.Net.Sockets.SocketError.TryAgain or System.Net.Sockets.SocketError.NoData => "no such host",
                    var other => other.ToString(),
                };

            if (cause is System.Security.Authentication.AuthenticationException)
                return "the server's certificate is not trusted";
        }

        return exception.HttpRequestError.ToString();
    }
}
