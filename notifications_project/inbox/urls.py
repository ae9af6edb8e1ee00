from django.urls import path

from notifications_project.inbox import views

app_name = "inbox"
urlpatterns = [
    path("inbox/", views.show_messages, name="messages"),
    path("inbox/messages/<uuid:message_id>/", views.show_message, name="message"),
    path("inbox/<slug:name>/", views.serve_box, name="box"),
    path("inbox/<slug:name>/answer/", views.change_answer, name="answer"),
]
