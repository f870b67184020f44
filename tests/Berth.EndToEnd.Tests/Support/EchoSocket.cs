using System.Net.Sockets;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A connection to who sends back what he gets.</summary>
internal static class EchoSocket
{
    /// <summary>Sends a word and waits for as many bytes; the connection has to be there still.</summary>
    public static string Echo(this Socket connection, string word)
    {
        connection.Send(Encoding.ASCII.GetBytes(word));
        byte[] answer = new byte[word.Length];
        for (int length = 0; length < answer.Length;)
        {
            int read = connection.Receive(answer.AsSpan(length));
            Assert.True(read > 0, "the connection has ended");
            length += read;
        }

        return Encoding.ASCII.GetString(answer);
    }
}
